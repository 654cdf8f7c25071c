"""The implementation of acme.reward.v2.RewardService."""
