# What the programs of a node call, and nothing else: a test compares this list with their text.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

resource "aws_iam_role" "node" {
  for_each = var.nodes

  name = "${var.prefix}-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_instance_profile" "node" {
  for_each = var.nodes

  name = "${var.prefix}-${each.key}"
  role = aws_iam_role.node[each.key].name
}

resource "aws_iam_role_policy" "node" {
  for_each = var.nodes

  name = "start"
  role = aws_iam_role.node[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Configuration"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${aws_s3_bucket.configuration.arn}/*"
      },
      {
        Sid       = "DecryptConfiguration"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = var.kms_key_arn
        Condition = { StringEquals = { "kms:ViaService" = "s3.${data.aws_region.current.region}.amazonaws.com" } }
      },
      {
        Sid      = "Certificate"
        Effect   = "Allow"
        Action   = ["acm-pca:GetCertificate", "acm-pca:GetCertificateAuthorityCertificate", "acm-pca:IssueCertificate"]
        Resource = var.certificate_authority_arn
      },
      {
        Sid      = "OwnVolume"
        Effect   = "Allow"
        Action   = "ec2:AttachVolume"
        Resource = aws_ebs_volume.data[each.key].arn
      },
      {
        Sid       = "OwnMachine"
        Effect    = "Allow"
        Action    = "ec2:AttachVolume"
        Resource  = "arn:${data.aws_partition.current.partition}:ec2:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/Name" = "${var.prefix}-${each.key}" } }
      },
      {
        Sid       = "EncryptedVolume"
        Effect    = "Allow"
        Action    = "kms:CreateGrant"
        Resource  = var.kms_key_arn
        Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
      },
    ]
  })
}
