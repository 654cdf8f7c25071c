# Metrics are kept, rules evaluated and alerts grouped by Amazon Managed Prometheus, which survives
# the loss of a zone and has no disk to look after. It reads the generated rules as they are.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

resource "aws_prometheus_workspace" "this" {
  alias       = var.prefix
  kms_key_arn = var.data_key_arn

  logging_configuration {
    log_group_arn = "${aws_cloudwatch_log_group.this["prometheus"].arn}:*"
  }
}

resource "aws_prometheus_rule_group_namespace" "this" {
  for_each = var.rules

  name         = each.key
  workspace_id = aws_prometheus_workspace.this.id
  data         = each.value
}

resource "aws_prometheus_alert_manager_definition" "this" {
  workspace_id = aws_prometheus_workspace.this.id
  definition = yamlencode({
    alertmanager_config = yamlencode({
      route = {
        receiver        = "people"
        group_by        = ["alertname", "service"]
        group_wait      = "30s"
        group_interval  = "5m"
        repeat_interval = "4h"
      }
      receivers = [{
        name = "people"
        sns_configs = [{
          topic_arn     = aws_sns_topic.alerts.arn
          send_resolved = true
          sigv4         = { region = data.aws_region.current.region }
          attributes    = { environment = var.environment }
        }]
      }]
    })
  })
}

resource "aws_sns_topic" "alerts" {
  name              = "${var.prefix}-alerts"
  kms_master_key_id = var.data_key_arn
}

resource "aws_sns_topic_policy" "alerts" {
  arn = aws_sns_topic.alerts.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alerts"
      Effect    = "Allow"
      Action    = ["sns:GetTopicAttributes", "sns:Publish"]
      Principal = { Service = "aps.amazonaws.com" }
      Resource  = aws_sns_topic.alerts.arn
      Condition = {
        ArnEquals    = { "aws:SourceArn" = aws_prometheus_workspace.this.arn }
        StringEquals = { "AWS:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }]
  })
}

resource "aws_sns_topic_subscription" "alerts" {
  for_each = var.alert_addresses

  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338: how long logs are kept is a choice of each environment
  for_each = toset(["monitor", "prometheus"])

  name              = "/${var.prefix}/${each.key}"
  retention_in_days = var.log_retention
  kms_key_id        = var.data_key_arn
}
