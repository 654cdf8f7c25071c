# The repositories of the images, once for all environments whose images are in this account.
#
#   terraform init -backend-config=FILE
#   terraform plan -var-file=../../../generated/deploy/registry.tfvars.json -var=account_id=ID

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
    tags = { platform = var.name }
  }
}

module "registry" {
  source = "../modules/registry"

  name         = var.name
  repositories = var.repositories
}
