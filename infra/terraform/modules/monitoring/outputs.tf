output "prometheus_endpoint" {
  description = "Where metrics are read."
  value       = aws_prometheus_workspace.this.prometheus_endpoint
}

output "alerts_topic_arn" {
  description = "The topic that alerts are told to."
  value       = aws_sns_topic.alerts.arn
}
