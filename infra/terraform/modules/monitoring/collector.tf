# One task reads the metrics of all others and sends them to Prometheus: the collector, and beside it
# the exporter of what NATS and Redis tell.

locals {
  # The collector replaces variables in its configuration: a dollar that is none is written twice.
  scrape_configs = jsondecode(replace(jsonencode(var.scrape_configs), "$", "$$"))

  collector = yamlencode({
    extensions = {
      health_check = { endpoint = "127.0.0.1:13133" }
      sigv4auth    = { region = data.aws_region.current.region, service = "aps" }
    }
    receivers = {
      prometheus = { config = { global = { scrape_interval = "30s" }, scrape_configs = local.scrape_configs } }
    }
    exporters = {
      prometheusremotewrite = {
        endpoint = "${aws_prometheus_workspace.this.prometheus_endpoint}api/v1/remote_write"
        auth     = { authenticator = "sigv4auth" }
      }
    }
    service = {
      extensions = ["health_check", "sigv4auth"]
      pipelines  = { metrics = { receivers = ["prometheus"], exporters = ["prometheusremotewrite"] } }
    }
  })

  hardened = {
    essential              = true
    readonlyRootFilesystem = true
    user                   = "10001:10001"
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
  }
  logs = { for container in ["collector", "exporter"] : container => {
    logDriver = "awslogs"
    options = {
      awslogs-group         = aws_cloudwatch_log_group.this["monitor"].name
      awslogs-region        = data.aws_region.current.region
      awslogs-stream-prefix = container
    }
  } }
}

resource "aws_ecs_task_definition" "monitor" {
  family                   = "${var.prefix}-monitor"
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  cpu                      = "512"
  memory                   = "1024"
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  skip_destroy             = true

  container_definitions = jsonencode([
    merge(local.hardened, {
      name             = "collector"
      image            = var.images.collector
      environment      = [{ name = "AOT_CONFIG_CONTENT", value = local.collector }]
      logConfiguration = local.logs["collector"]
      healthCheck      = { command = ["CMD", "/healthcheck"], interval = 10, timeout = 5, retries = 3 }
    }),
    merge(local.hardened, {
      name        = "exporter"
      image       = var.images.exporter
      environment = [for name in sort(keys(var.exporter_environment)) : { name = name, value = var.exporter_environment[name] }]
      secrets = concat([
        { name = var.exporter_login.variable, valueFrom = "${var.exporter_secret_arn}:${var.exporter_login.field}::" },
        { name = "NATS_CA_PEM", valueFrom = "${var.exporter_secret_arn}:ca::" },
        { name = "NATS_CERT_PEM", valueFrom = "${var.exporter_secret_arn}:certificate::" },
        { name = "NATS_KEY_PEM", valueFrom = "${var.exporter_secret_arn}:private_key::" },
      ], var.redis_secret_arn == null ? [] : [{ name = "REDIS_URL", valueFrom = "${var.redis_secret_arn}:url::" }])
      logConfiguration = local.logs["exporter"]
    }),
  ])

  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "LINUX"
  }
}

resource "aws_ecs_service" "monitor" {
  name                               = "monitor"
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.monitor.arn
  desired_count                      = 1
  launch_type                        = "FARGATE"
  platform_version                   = "LATEST"
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  enable_execute_command             = false
  propagate_tags                     = "SERVICE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.task]
}

resource "aws_iam_role" "execution" {
  name               = "${var.prefix}-monitor-execution"
  assume_role_policy = var.assume_role_policy
}

resource "aws_iam_role_policy" "execution" {
  name = "start"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Login"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
      {
        Sid      = "Image"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = "arn:${data.aws_partition.current.partition}:ecr:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:repository/${var.name}/*"
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this["monitor"].arn}:*"
      },
      {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = compact([var.exporter_secret_arn, var.redis_secret_arn])
      },
      {
        Sid       = "DecryptSecrets"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = var.secrets_key_arn
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${data.aws_region.current.region}.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_iam_role" "task" {
  name               = "${var.prefix}-monitor"
  assume_role_policy = var.assume_role_policy
}

resource "aws_iam_role_policy" "task" {
  name = "collect"
  role = aws_iam_role.task.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Metrics"
        Effect   = "Allow"
        Action   = "aps:RemoteWrite"
        Resource = aws_prometheus_workspace.this.arn
      },
      {
        Sid       = "Scaling"
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*"
        Condition = { StringEquals = { "cloudwatch:namespace" = "Protonats" } }
      },
    ]
  })
}
