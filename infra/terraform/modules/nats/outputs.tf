output "url" {
  description = "What clients connect to."
  value       = "tls://${var.host}:4222"
  depends_on  = [aws_lb_listener.clients, aws_route53_record.clients]
}

output "bucket" {
  description = "The bucket with the configuration."
  value       = aws_s3_bucket.configuration.bucket
}

output "bucket_arn" {
  description = "The same, as IAM names it."
  value       = aws_s3_bucket.configuration.arn
}

output "user_data" {
  description = "What each node starts with, by its name."
  value       = { for name in keys(var.nodes) : name => module.node[name].user_data }
}
