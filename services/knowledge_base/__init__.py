"""The implementation of bodybroker.knowledge_base.v1.KnowledgeBaseService."""
