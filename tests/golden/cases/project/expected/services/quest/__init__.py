"""The implementation of acme.quest.v1.QuestService."""
