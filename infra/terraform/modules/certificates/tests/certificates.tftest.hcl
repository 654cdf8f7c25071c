provider "aws" {
  region = "eu-central-1"
}

variables {
  prefix        = "shop-dev"
  organization  = "shop"
  lifetime_days = 90
}

run "ninety_days" {
  command = plan

  assert {
    condition     = aws_acmpca_certificate_authority.this.usage_mode == "GENERAL_PURPOSE"
    error_message = "The CA signs for at most seven days."
  }
}

run "a_week" {
  command = plan

  variables {
    lifetime_days = 7
  }

  assert {
    condition     = aws_acmpca_certificate_authority.this.usage_mode == "SHORT_LIVED_CERTIFICATE"
    error_message = "Short-lived certificates do not need the CA that is eight times as expensive."
  }
}
