provider "aws" {
  region = "eu-central-1"
}

variables {
  prefix = "shop-production"
  nodes = {
    nats-1 = { zone = "eu-central-1a", address = "10.0.0.10" }
    nats-2 = { zone = "eu-central-1b", address = "10.0.16.10" }
    nats-3 = { zone = "eu-central-1c", address = "10.0.32.10" }
    nats-4 = { zone = "eu-central-1a", address = "10.0.0.11" }
    nats-5 = { zone = "eu-central-1b", address = "10.0.16.11" }
  }
  instance_type              = "m6i.large"
  image_id                   = "ami-00000000000000000"
  server_sha256              = "0000000000000000000000000000000000000000000000000000000000000000"
  disk_gib                   = 100
  configuration              = { "nats.conf" = "port: 4222\n" }
  certificate_authority_arn  = "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/one"
  signing_algorithm          = "SHA256WITHECDSA"
  certificate_days           = 90
  renew_before_days          = 30
  host                       = "nats.shop-production.internal"
  zone_id                    = "Z0000000000000"
  vpc_id                     = "vpc-0"
  subnet_ids                 = { eu-central-1a = "subnet-a", eu-central-1b = "subnet-b", eu-central-1c = "subnet-c" }
  node_security_group_id     = "sg-nodes"
  balancer_security_group_id = "sg-balancer"
  kms_key_arn                = "arn:aws:kms:eu-central-1:123456789012:key/data"
}

run "a_cluster_of_five" {
  command = plan

  assert {
    condition     = join("-", sort([for zone in ["eu-central-1a", "eu-central-1b", "eu-central-1c"] : tostring(length([for volume in aws_ebs_volume.data : volume if volume.availability_zone == zone]))])) == "1-2-2"
    error_message = "The nodes are not spread 2-2-1."
  }

  assert {
    condition     = alltrue([for name, group in aws_autoscaling_group.node : group.min_size == 1 && group.max_size == 1 && group.availability_zones == toset([var.nodes[name].zone])])
    error_message = "A group is not one machine in the zone of its volume and address."
  }

  assert {
    condition     = alltrue([for group in aws_autoscaling_group.node : group.instance_maintenance_policy[0].min_healthy_percentage == 0 && group.instance_maintenance_policy[0].max_healthy_percentage == 100])
    error_message = "A new machine is started while the old one has the address and the volume."
  }

  assert {
    condition     = alltrue([for name, interface in aws_network_interface.node : interface.private_ips == toset([var.nodes[name].address])])
    error_message = "A node has another address than that of its routes."
  }

  assert {
    condition     = aws_s3_object.configuration["routes.conf"].content == "routes: [\"nats-route://10.0.0.10:6222\",\"nats-route://10.0.16.10:6222\",\"nats-route://10.0.32.10:6222\",\"nats-route://10.0.0.11:6222\",\"nats-route://10.0.16.11:6222\"]\n"
    error_message = "The routes are others than the addresses of the nodes."
  }

  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "The metadata of a machine are open to version 1 of the service."
  }

  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.network_interfaces[0].associate_public_ip_address == null && template.network_interfaces[0].delete_on_termination == "false"])
    error_message = "A machine has a public address, or takes its own with it."
  }

  assert {
    condition     = alltrue([for volume in aws_ebs_volume.data : volume.encrypted && volume.kms_key_id == var.kms_key_arn && volume.final_snapshot])
    error_message = "Data lie on a disk that is not encrypted with the key, or that leaves no snapshot."
  }

  assert {
    condition     = aws_lb.this.internal && aws_lb_listener.clients.protocol == "TCP" && aws_lb_target_group.clients.protocol == "TCP"
    error_message = "The load balancer is public, or ends connections whose certificates the servers have to see."
  }

  assert {
    condition     = aws_lb_target_group.clients.health_check[0].protocol == "HTTP" && aws_lb_target_group.clients.health_check[0].path == "/healthz?js-server-only=true"
    error_message = "The load balancer does not ask whether the server is ready."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.configuration.block_public_acls && aws_s3_bucket_public_access_block.configuration.block_public_policy && aws_s3_bucket_public_access_block.configuration.ignore_public_acls && aws_s3_bucket_public_access_block.configuration.restrict_public_buckets
    error_message = "The bucket with the configuration could be made public."
  }
}

run "all_in_one_zone_but_one" {
  command = plan

  variables {
    nodes = {
      nats-1 = { zone = "eu-central-1a", address = "10.0.0.10" }
      nats-2 = { zone = "eu-central-1a", address = "10.0.0.11" }
      nats-3 = { zone = "eu-central-1a", address = "10.0.0.12" }
      nats-4 = { zone = "eu-central-1b", address = "10.0.16.10" }
    }
  }

  expect_failures = [var.nodes]
}
