# What nodes fetch: the generated configuration, their routes, and the server. `keys.conf` comes from
# those who make the keys, the server from those who choose its version.

locals {
  server_object = "nats-server-${var.server_sha256}"
  routes        = [for name in sort(keys(var.nodes)) : "nats-route://${var.nodes[name].address}:6222"]
}

resource "aws_s3_bucket" "configuration" {
  # checkov:skip=CKV_AWS_18: nodes and the delivery alone read it, and CloudTrail tells of both
  # checkov:skip=CKV_AWS_144: all that is in it is made again by the delivery
  # checkov:skip=CKV2_AWS_62: nobody waits for a change: nodes look themselves
  bucket_prefix = "${var.prefix}-nats-"
}

resource "aws_s3_bucket_versioning" "configuration" {
  bucket = aws_s3_bucket.configuration.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "configuration" {
  bucket = aws_s3_bucket.configuration.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "configuration" {
  bucket                  = aws_s3_bucket.configuration.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "configuration" {
  bucket = aws_s3_bucket.configuration.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyEncrypted"
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = "*"
      Resource  = [aws_s3_bucket.configuration.arn, "${aws_s3_bucket.configuration.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_s3_bucket_lifecycle_configuration" "configuration" {
  bucket = aws_s3_bucket.configuration.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_object" "configuration" {
  for_each = merge(var.configuration, { "routes.conf" = "routes: ${jsonencode(local.routes)}\n" })

  bucket                 = aws_s3_bucket.configuration.id
  key                    = each.key
  content                = each.value
  content_type           = "text/plain"
  server_side_encryption = "aws:kms"
  kms_key_id             = var.kms_key_arn
}
