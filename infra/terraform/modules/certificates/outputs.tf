output "authority_arn" {
  description = "The CA, once it can sign."
  value       = aws_acmpca_certificate_authority_certificate.this.certificate_authority_arn
}

output "signing_algorithm" {
  description = "How it signs."
  value       = local.signing_algorithm
}
