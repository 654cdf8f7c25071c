# The way in for HTTP: TLS ends at the load balancer, which alone may reach the gateway's tasks.

resource "aws_lb" "gateway" {
  # checkov:skip=CKV_AWS_91: the gateway itself logs every request, with its trace
  # checkov:skip=CKV2_AWS_28: rules for a firewall are those of an application; it is attached to the balancer, which is an output
  for_each = local.gateway

  name                       = "${var.prefix}-gateway"
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = [for zone in sort(keys(var.public_subnet_ids)) : var.public_subnet_ids[zone]]
  security_groups            = [var.security_group_ids["gateway_balancer"]]
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_deletion_protection = true
}

resource "aws_lb_target_group" "gateway" {
  for_each = local.gateway

  name                 = "${var.prefix}-gateway"
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 8080
  deregistration_delay = "30"

  health_check {
    path                = "/readyz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "gateway" {
  for_each = local.gateway

  load_balancer_arn = aws_lb.gateway[each.key].arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = aws_acm_certificate_validation.gateway[each.key].certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.gateway[each.key].arn
  }
}

resource "aws_acm_certificate" "gateway" {
  for_each = local.gateway

  domain_name       = var.gateway.host
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  for_each = local.gateway

  zone_id         = var.gateway.zone_id
  name            = one(aws_acm_certificate.gateway[each.key].domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.gateway[each.key].domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.gateway[each.key].domain_validation_options).resource_record_value]
  ttl             = 60
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "gateway" {
  for_each = local.gateway

  certificate_arn         = aws_acm_certificate.gateway[each.key].arn
  validation_record_fqdns = [aws_route53_record.validation[each.key].fqdn]
}

resource "aws_route53_record" "gateway" {
  for_each = local.gateway

  zone_id = var.gateway.zone_id
  name    = var.gateway.host
  type    = "A"

  alias {
    name                   = aws_lb.gateway[each.key].dns_name
    zone_id                = aws_lb.gateway[each.key].zone_id
    evaluate_target_health = true
  }
}
