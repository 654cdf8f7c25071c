# One environment of the platform. The same text for each: what differs is generated.
#
#   terraform init -backend-config=FILE
#   terraform plan -var-file=../../../../generated/deploy/ENVIRONMENT/terraform.tfvars.json -var-file=FILE

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }

  backend "s3" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = {
      platform    = var.name
      environment = var.environment
    }
  }
}

module "platform" {
  source = "../../modules/platform"

  name            = var.name
  environment     = var.environment
  log_retention   = var.log_retention
  network         = var.network
  services        = var.services
  service_secrets = var.service_secrets
  nats_users      = var.nats_users
  nats            = var.nats
  redis           = var.redis
  gateway_host    = var.gateway_host
  certificates    = var.certificates
  generated       = "${path.root}/../../../../generated/deploy/${var.environment}"
  installation    = var.installation
  redis_token     = var.redis_token
}
