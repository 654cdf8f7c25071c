# Connections go through as they are: the servers themselves check the certificates of clients.

resource "aws_lb" "this" {
  # checkov:skip=CKV_AWS_91: AWS logs connections of TLS listeners only, and this one passes TLS through
  name                             = "${var.prefix}-nats"
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = [for zone in sort(keys(var.subnet_ids)) : var.subnet_ids[zone]]
  security_groups                  = [var.balancer_security_group_id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = true
}

resource "aws_lb_target_group" "clients" {
  name                 = "${var.prefix}-nats"
  vpc_id               = var.vpc_id
  target_type          = "instance"
  protocol             = "TCP"
  port                 = 4222
  deregistration_delay = "60"

  health_check {
    protocol            = "HTTP"
    port                = "8222"
    path                = "/healthz?js-server-only=true"
    matcher             = "200"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "clients" {
  load_balancer_arn = aws_lb.this.arn
  protocol          = "TCP"
  port              = 4222

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.clients.arn
  }
}

resource "aws_route53_record" "clients" {
  zone_id = var.zone_id
  name    = var.host
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}
