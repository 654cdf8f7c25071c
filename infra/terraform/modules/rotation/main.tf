# Once a day a task renews the certificates of users that are about to end, and restarts their
# services one after another. Keys are rotated by the same task, when somebody starts it with
# another command. Nodes renew their certificates themselves.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  region = data.aws_region.current.region
  local  = "${local.region}:${data.aws_caller_identity.current.account_id}"
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.prefix}-rotation"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = "256"
  memory                   = "512"
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  skip_destroy             = true

  container_definitions = jsonencode([{
    name                   = "rotation"
    image                  = var.image
    essential              = true
    command                = ["certs", "renew", "--environment", var.environment, "--to", "aws", "--ca", "acm-pca:${var.certificate_authority_arn}", "--restart"]
    environment            = [{ name = "NATS_BUCKET", value = var.bucket }]
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = local.region
        awslogs-stream-prefix = "rotation"
      }
    }
  }])

  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }

  volume {
    name = "tmp"
  }
}

resource "aws_scheduler_schedule" "this" {
  name                = "${var.prefix}-rotation"
  description         = "Renews the certificates of the users of NATS"
  schedule_expression = "rate(1 day)"
  kms_key_arn         = var.data_key_arn

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 60
  }

  target {
    arn      = var.cluster.arn
    role_arn = aws_iam_role.schedule.arn

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.this.arn
      launch_type         = "FARGATE"
      platform_version    = "LATEST"
      propagate_tags      = "TASK_DEFINITION"

      network_configuration {
        subnets          = var.subnet_ids
        security_groups  = [var.security_group_id]
        assign_public_ip = false
      }
    }

    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 3600
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338: how long logs are kept is a choice of each environment
  name              = "/${var.prefix}/rotation"
  retention_in_days = var.log_retention
  kms_key_id        = var.data_key_arn
}
