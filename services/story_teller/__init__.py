"""The implementation of bodybroker.story_teller.v1.StoryTellerService."""
