"""The implementation of bodybroker.npc_behavior.v1.NpcBehaviorService."""
