"""The implementation of bodybroker.body_broker.v1.BodyBrokerService."""
