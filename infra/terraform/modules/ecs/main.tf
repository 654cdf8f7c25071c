# The cluster and its services: what they are is generated, here it is put into place.

data "aws_region" "current" {}

locals {
  zones   = sort(keys(var.subnet_ids))
  subnets = [for zone in local.zones : var.subnet_ids[zone]]

  all    = setunion(var.services, keys(var.tools))
  users  = { for task in local.all : task => lookup(var.tools, task, task) }
  folder = { for task in local.all : task => "${var.definitions}/${task}" }

  # Read as they are for what is known in a plan; filled in where something has to be created first.
  tasks    = { for user in local.all : user => jsondecode(file("${local.folder[user]}/task-definition.json")) }
  services = { for user in var.services : user => jsondecode(file("${local.folder[user]}/service.json")) }
  scaling  = { for user in var.services : user => jsondecode(file("${local.folder[user]}/scaling.json")) }

  gateway = var.gateway == null ? toset([]) : toset(["gateway"])
  group   = { for user in var.services : user => var.security_group_ids[contains(local.gateway, user) ? "gateway" : "tasks"] }

  values = { for user in local.all : user => merge(
    {
      image              = var.images[contains(keys(var.tools), user) ? "tools" : user]
      execution_role_arn = aws_iam_role.execution[user].arn
      task_role_arn      = aws_iam_role.task[user].arn
      secret_arn         = var.nats_secret_arns[local.users[user]]
      service_secret_arn = lookup(var.service_secret_arns, user, "")
      redis_secret_arn   = var.redis_secret_arn
      nats_url           = var.nats_url
      cluster            = aws_ecs_cluster.this.name
      region             = data.aws_region.current.region
    },
    { for index, subnet in local.subnets : "subnet_${index + 1}" => subnet },
  ) }
  containers = { for user in local.all : user => jsondecode(templatefile("${local.folder[user]}/task-definition.json", local.values[user])).containerDefinitions }
}

resource "aws_ecs_cluster" "this" {
  name = var.prefix

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338: how long logs are kept is a choice of each environment
  for_each = local.all

  name              = "/${var.prefix}/${each.key}"
  retention_in_days = var.log_retention
  kms_key_id        = var.data_key_arn
}

resource "aws_ecs_task_definition" "this" {
  for_each = local.all

  family                   = local.tasks[each.key].family
  network_mode             = local.tasks[each.key].networkMode
  requires_compatibilities = local.tasks[each.key].requiresCompatibilities
  cpu                      = local.tasks[each.key].cpu
  memory                   = local.tasks[each.key].memory
  execution_role_arn       = aws_iam_role.execution[each.key].arn
  task_role_arn            = aws_iam_role.task[each.key].arn
  container_definitions    = jsonencode(local.containers[each.key])
  skip_destroy             = true

  runtime_platform {
    cpu_architecture        = local.tasks[each.key].runtimePlatform.cpuArchitecture
    operating_system_family = local.tasks[each.key].runtimePlatform.operatingSystemFamily
  }

  dynamic "volume" {
    for_each = try(local.tasks[each.key].volumes, [])

    content {
      name = volume.value.name
    }
  }
}

resource "aws_service_discovery_service" "this" {
  for_each = var.services

  name = each.key

  dns_config {
    namespace_id   = var.namespace_id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }
}

resource "aws_ecs_service" "this" {
  for_each = var.services

  name                               = each.key
  cluster                            = aws_ecs_cluster.this.arn
  task_definition                    = aws_ecs_task_definition.this[each.key].arn
  desired_count                      = local.services[each.key].desiredCount
  launch_type                        = try(local.services[each.key].launchType, null)
  platform_version                   = try(local.services[each.key].platformVersion, "LATEST")
  scheduling_strategy                = "REPLICA"
  availability_zone_rebalancing      = try(local.services[each.key].availabilityZoneRebalancing, null)
  deployment_minimum_healthy_percent = local.services[each.key].deploymentConfiguration.minimumHealthyPercent
  deployment_maximum_percent         = local.services[each.key].deploymentConfiguration.maximumPercent
  health_check_grace_period_seconds  = try(local.services[each.key].healthCheckGracePeriodSeconds, null)
  enable_execute_command             = local.services[each.key].enableExecuteCommand
  enable_ecs_managed_tags            = try(local.services[each.key].enableECSManagedTags, null)
  propagate_tags                     = try(local.services[each.key].propagateTags, null)

  deployment_circuit_breaker {
    enable   = local.services[each.key].deploymentConfiguration.deploymentCircuitBreaker.enable
    rollback = local.services[each.key].deploymentConfiguration.deploymentCircuitBreaker.rollback
  }

  network_configuration {
    subnets          = local.subnets
    security_groups  = [local.group[each.key]]
    assign_public_ip = local.services[each.key].networkConfiguration.awsvpcConfiguration.assignPublicIp == "ENABLED"
  }

  dynamic "capacity_provider_strategy" {
    for_each = try(local.services[each.key].capacityProviderStrategy, [])

    content {
      capacity_provider = capacity_provider_strategy.value.capacityProvider
      weight            = try(capacity_provider_strategy.value.weight, null)
      base              = try(capacity_provider_strategy.value.base, null)
    }
  }

  service_registries {
    registry_arn = aws_service_discovery_service.this[each.key].arn
  }

  dynamic "load_balancer" {
    for_each = contains(local.gateway, each.key) ? local.services[each.key].loadBalancers : []

    content {
      target_group_arn = aws_lb_target_group.gateway["gateway"].arn
      container_name   = load_balancer.value.containerName
      container_port   = load_balancer.value.containerPort
    }
  }

  # Autoscaling says how many tasks there are, once there are some.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.execution,
    aws_lb_listener.gateway,
  ]
}
