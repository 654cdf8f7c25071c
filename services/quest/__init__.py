"""The implementation of bodybroker.quest.v1.QuestService."""
