# Places for secrets. Their values are put there by people and by the rotation, never by Terraform:
# what Terraform knows is in its state.

resource "aws_secretsmanager_secret" "nats" {
  # checkov:skip=CKV2_AWS_57: rotated by the scheduled task of this platform and not by a Lambda function
  for_each = var.nats_users

  name        = "${var.prefix}/nats/${each.key}"
  description = "Key and certificate of the NATS user ${each.key}"
  kms_key_id  = aws_kms_key.secrets.arn
}

resource "aws_secretsmanager_secret" "service" {
  # checkov:skip=CKV2_AWS_57: only their owner knows how the values are changed
  for_each = var.service_secrets

  name        = "${var.prefix}/services/${each.key}"
  description = "Secrets of the service ${each.key}"
  kms_key_id  = aws_kms_key.secrets.arn
}

resource "aws_secretsmanager_secret" "redis" {
  # checkov:skip=CKV2_AWS_57: the token is changed together with that of the cluster, by people
  count = var.redis ? 1 : 0

  name        = "${var.prefix}/redis"
  description = "Address and token of the Redis cluster"
  kms_key_id  = aws_kms_key.secrets.arn
}
