variable "server_name" {
  description = "The name of the server in its cluster, nats-1: the same for each machine that ever holds its data."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+$", var.server_name))
    error_message = "A server name has lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "The region that the node asks."
  type        = string
}

variable "volume_id" {
  description = "The EBS volume with the node's data, which the node attaches to itself."
  type        = string

  validation {
    condition     = can(regex("^vol-[0-9a-f]+$", var.volume_id))
    error_message = "A volume id begins with vol- and has hexadecimal digits."
  }
}

variable "bucket" {
  description = "The S3 bucket with nats.conf, accounts.conf, keys.conf, routes.conf and the server."
  type        = string
}

variable "server_object" {
  description = "The key of the nats-server program in the bucket."
  type        = string
}

variable "server_sha256" {
  description = "The SHA-256 of that program, in hexadecimal."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.server_sha256))
    error_message = "A SHA-256 has 64 hexadecimal digits."
  }
}

variable "certificate_authority_arn" {
  description = "The private CA that signs the node's certificate."
  type        = string
}

variable "signing_algorithm" {
  description = "How that CA signs: it follows from the CA's key."
  type        = string

  validation {
    condition     = contains(["SHA256WITHECDSA", "SHA384WITHECDSA", "SHA512WITHECDSA", "SHA256WITHRSA", "SHA384WITHRSA", "SHA512WITHRSA"], var.signing_algorithm)
    error_message = "A private CA signs with SHA256, SHA384 or SHA512, followed by WITHECDSA or WITHRSA."
  }
}

variable "certificate_days" {
  description = "Days that a certificate is valid."
  type        = number
}

variable "renew_before_days" {
  description = "Days before its end at which a certificate is renewed."
  type        = number

  validation {
    condition     = var.renew_before_days >= 1 && var.renew_before_days < var.certificate_days
    error_message = "A certificate is renewed at least a day before its end, and not as soon as it is issued."
  }
}

variable "dns_names" {
  description = "Names in the certificate besides the server's name and the node's address: those that clients connect to."
  type        = list(string)
}
