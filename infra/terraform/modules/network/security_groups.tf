# Who may talk to whom. A flow is a rule at both its ends; nothing else is allowed.

locals {
  groups = merge(
    {
      tasks         = "Tasks of the services"
      nats          = "NATS nodes"
      nats_balancer = "Load balancer of NATS"
      monitor       = "Collector of metrics"
      endpoints     = "Endpoints of AWS services"
    },
    var.redis ? { redis = "Redis cluster" } : {},
    var.gateway_ranges == null ? {} : {
      gateway          = "Tasks of the HTTP gateway"
      gateway_balancer = "Load balancer of the HTTP gateway"
    },
  )

  flows = [
    for flow in [
      { from = "tasks", to = "nats_balancer", port = 4222 },
      { from = "gateway", to = "nats_balancer", port = 4222 },
      { from = "monitor", to = "nats_balancer", port = 4222 },
      { from = "nats_balancer", to = "nats", port = 4222 },
      { from = "nats_balancer", to = "nats", port = 8222 },
      { from = "nats", to = "nats", port = 6222 },
      { from = "monitor", to = "nats", port = 8222 },
      { from = "monitor", to = "tasks", port = 8080 },
      { from = "monitor", to = "gateway", port = 8080 },
      { from = "monitor", to = "redis", port = 6379 },
      { from = "tasks", to = "redis", port = 6379 },
      { from = "gateway", to = "redis", port = 6379 },
      { from = "gateway_balancer", to = "gateway", port = 8080 },
      { from = "tasks", to = "endpoints", port = 443 },
      { from = "gateway", to = "endpoints", port = 443 },
      { from = "monitor", to = "endpoints", port = 443 },
      { from = "nats", to = "endpoints", port = 443 },
    ] : flow if contains(keys(local.groups), flow.from) && contains(keys(local.groups), flow.to)
  ]
  by_name = { for flow in local.flows : "${flow.from}-${flow.to}-${flow.port}" => flow }
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5: they are attached in other modules, which get them as an output
  for_each = local.groups

  name        = "${var.prefix}-${replace(each.key, "_", "-")}"
  description = each.value
  vpc_id      = aws_vpc.this.id
  tags        = { Name = "${var.prefix}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each = local.by_name

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "From ${local.groups[each.value.from]}"
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each = local.by_name

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "To ${local.groups[each.value.to]}"
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each = setintersection(keys(local.groups), ["tasks", "gateway", "monitor", "nats"])

  security_group_id = aws_security_group.this[each.key].id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "To S3, inside AWS"
}

resource "aws_vpc_security_group_egress_rule" "internet" {
  count = var.internet_egress ? 1 : 0

  security_group_id = aws_security_group.this["tasks"].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "To the internet"
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.gateway_ranges == null ? [] : var.gateway_ranges

  security_group_id = aws_security_group.this["gateway_balancer"].id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "From clients of the gateway"
}
