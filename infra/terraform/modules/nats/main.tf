# A node is an auto-scaling group of one machine. Name, address and data volume outlive the machine:
# one that fails is replaced by another that is the same member of the cluster.

data "aws_region" "current" {}

resource "aws_network_interface" "node" {
  for_each = var.nodes

  subnet_id       = var.subnet_ids[each.value.zone]
  private_ips     = [each.value.address]
  security_groups = [var.node_security_group_id]
  description     = "${var.prefix} ${each.key}"
  tags            = { Name = "${var.prefix}-${each.key}" }
}

resource "aws_ebs_volume" "data" {
  for_each = var.nodes

  availability_zone = each.value.zone
  type              = "gp3"
  size              = var.disk_gib
  encrypted         = true
  kms_key_id        = var.kms_key_arn
  final_snapshot    = true
  tags              = { Name = "${var.prefix}-${each.key}" }
}

module "node" {
  source   = "./node"
  for_each = var.nodes

  server_name               = each.key
  region                    = data.aws_region.current.region
  volume_id                 = aws_ebs_volume.data[each.key].id
  bucket                    = aws_s3_bucket.configuration.bucket
  server_object             = local.server_object
  server_sha256             = var.server_sha256
  certificate_authority_arn = var.certificate_authority_arn
  signing_algorithm         = var.signing_algorithm
  certificate_days          = var.certificate_days
  renew_before_days         = var.renew_before_days
  dns_names                 = [var.host]
}

resource "aws_launch_template" "node" {
  for_each = var.nodes

  name                   = "${var.prefix}-${each.key}"
  image_id               = var.image_id
  instance_type          = var.instance_type
  update_default_version = true
  user_data              = module.node[each.key].user_data_base64

  iam_instance_profile {
    name = aws_iam_instance_profile.node[each.key].name
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  network_interfaces {
    device_index          = 0
    network_interface_id  = aws_network_interface.node[each.key].id
    delete_on_termination = false
  }

  # The key of the account, as auto-scaling may use it without a grant. No data lies here.
  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = 10
      encrypted             = true
      delete_on_termination = true
    }
  }

  monitoring {
    enabled = true
  }

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${var.prefix}-${each.key}" }
  }
}

# A changed template is for the next machine: nodes are replaced one by one, by people or the
# delivery, as five groups that refresh at the same time would stop the cluster.
resource "aws_autoscaling_group" "node" {
  for_each = var.nodes

  name                      = "${var.prefix}-${each.key}"
  min_size                  = 1
  max_size                  = 1
  availability_zones        = [each.value.zone]
  health_check_type         = "EC2"
  health_check_grace_period = 300
  target_group_arns         = [aws_lb_target_group.clients.arn]
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.node[each.key].id
    version = aws_launch_template.node[each.key].latest_version
  }

  # The address and the volume can be with one machine only: the old one goes first.
  instance_maintenance_policy {
    min_healthy_percentage = 0
    max_healthy_percentage = 100
  }

  tag {
    key                 = "Name"
    value               = "${var.prefix}-${each.key}"
    propagate_at_launch = true
  }
}
