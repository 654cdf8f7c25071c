# A private CA for NATS nodes and services. For certificates of at most seven days AWS has a CA for
# an eighth of the price.

locals {
  signing_algorithm = "SHA256WITHECDSA"
}

data "aws_partition" "current" {}

resource "aws_acmpca_certificate_authority" "this" {
  type       = "ROOT"
  usage_mode = var.lifetime_days <= 7 ? "SHORT_LIVED_CERTIFICATE" : "GENERAL_PURPOSE"

  certificate_authority_configuration {
    key_algorithm     = "EC_prime256v1"
    signing_algorithm = local.signing_algorithm

    subject {
      common_name  = "${var.prefix} CA"
      organization = var.organization
    }
  }

  permanent_deletion_time_in_days = 30
  tags                            = { Name = var.prefix }
}

resource "aws_acmpca_certificate" "root" {
  certificate_authority_arn   = aws_acmpca_certificate_authority.this.arn
  certificate_signing_request = aws_acmpca_certificate_authority.this.certificate_signing_request
  signing_algorithm           = local.signing_algorithm
  template_arn                = "arn:${data.aws_partition.current.partition}:acm-pca:::template/RootCACertificate/V1"

  validity {
    type  = "YEARS"
    value = "10"
  }
}

resource "aws_acmpca_certificate_authority_certificate" "this" {
  certificate_authority_arn = aws_acmpca_certificate_authority.this.arn
  certificate               = aws_acmpca_certificate.root.certificate
  certificate_chain         = aws_acmpca_certificate.root.certificate_chain
}
