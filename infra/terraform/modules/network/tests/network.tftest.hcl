provider "aws" {
  region = "eu-central-1"
}

variables {
  prefix          = "shop-dev"
  cidr            = "10.0.0.0/16"
  private_subnets = { eu-central-1a = "10.0.0.0/20", eu-central-1b = "10.0.16.0/20" }
  public_subnets  = { eu-central-1a = "10.0.240.0/24", eu-central-1b = "10.0.241.0/24" }
  internet_egress = false
  gateway_ranges  = null
  redis           = true
  log_retention   = 7
  kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/data"
}

run "without_a_gateway" {
  command = plan

  assert {
    condition     = length(aws_internet_gateway.this) == 0 && length(aws_subnet.public) == 0 && length(aws_nat_gateway.this) == 0
    error_message = "The network has a way to the internet that nobody asked for."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.private : !subnet.map_public_ip_on_launch])
    error_message = "A private subnet gives out public addresses."
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_cloudwatch_log_group.flows.retention_in_days == 7
    error_message = "Not all traffic is logged, or not as long as it shall be kept."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.flow : rule.cidr_ipv4 == null]) && length(aws_vpc_security_group_ingress_rule.clients) == 0
    error_message = "Something is open to a range of addresses."
  }

  assert {
    condition     = sort(keys(aws_vpc_security_group_ingress_rule.flow)) == sort([for name in keys(aws_vpc_security_group_ingress_rule.flow) : name if !strcontains(name, "gateway")])
    error_message = "There are rules for a gateway that is not there."
  }

  assert {
    condition     = [for name, rule in aws_vpc_security_group_ingress_rule.flow : name if rule.to_port == 6379] == ["monitor-redis-6379", "tasks-redis-6379"]
    error_message = "Others than tasks and the collector reach Redis."
  }
}

run "with_a_gateway" {
  command = plan

  variables {
    gateway_ranges = ["198.51.100.0/24"]
    redis          = false
  }

  assert {
    condition     = length(aws_subnet.public) == 2 && length(aws_nat_gateway.this) == 0
    error_message = "The load balancer of the gateway needs a public subnet in each zone, and nothing a NAT gateway."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.clients : [rule.cidr_ipv4, rule.from_port]] == [["198.51.100.0/24", 443]]
    error_message = "The gateway is open to others than those that were named, or on another port."
  }

  assert {
    condition     = [for name, rule in aws_vpc_security_group_ingress_rule.flow : name if endswith(name, "-gateway-8080")] == ["gateway_balancer-gateway-8080", "monitor-gateway-8080"]
    error_message = "Others than its load balancer and the collector reach the gateway."
  }

  assert {
    condition     = !contains(keys(aws_security_group.this), "redis")
    error_message = "There is a group for a Redis cluster that is not there."
  }
}

run "with_the_internet" {
  command = plan

  variables {
    internet_egress = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_route.nat) == 2
    error_message = "A zone has no NAT gateway of its own."
  }
}
