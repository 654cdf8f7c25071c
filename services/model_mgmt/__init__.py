"""The implementation of bodybroker.model_mgmt.v1.ModelMgmtService."""
