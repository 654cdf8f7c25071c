"""The implementation of acme.reward.v1.RewardService."""
