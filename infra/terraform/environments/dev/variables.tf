# What is generated: deploy/<environment>/terraform.tfvars.json.

variable "name" {
  description = "What the names of everything begin with."
  type        = string
}

variable "environment" {
  description = "The name of the environment."
  type        = string
}

variable "region" {
  description = "Where it is."
  type        = string
}

variable "log_retention" {
  description = "Days for which logs are kept."
  type        = number
}

variable "network" {
  description = "Address ranges: of the network, and of its subnets by availability zone."
  type = object({
    cidr            = string
    private_subnets = map(string)
    public_subnets  = map(string)
  })
}

variable "services" {
  description = "The users of the services, and gateway where there is one."
  type        = set(string)
}

variable "service_secrets" {
  description = "Those of them that have secrets of their own."
  type        = set(string)
}

variable "nats_users" {
  description = "Everybody who logs in to NATS."
  type        = set(string)
}

variable "nats" {
  description = "The NATS cluster."
  type = object({
    instance_type = string
    disk_gib      = number
    nodes = map(object({
      zone    = string
      address = string
    }))
  })
}

variable "redis" {
  description = "The Redis cluster; null for none."
  type = object({
    node_type = string
    shards    = number
    replicas  = number
  })
}

variable "gateway_host" {
  description = "The name of the HTTP gateway; null for none."
  type        = string
}

variable "certificates" {
  description = "Days that certificates are valid, and days before their end at which they are renewed."
  type = object({
    lifetime_days     = number
    renew_before_days = number
  })
}

# What is not: it belongs to an account, or is a secret.

variable "account_id" {
  description = "The account that this environment belongs to; another is refused."
  type        = string
}

variable "installation" {
  description = "What only those know who install the platform."
  sensitive   = false
  type = object({
    alert_addresses    = set(string)
    gateway_ranges     = set(string)
    gateway_zone_id    = string
    images             = map(string)
    internet_egress    = bool
    nats_image_id      = string
    nats_server_sha256 = string
  })
}

variable "redis_token" {
  description = "What clients log in to Redis with at first; null where there is no Redis."
  type        = string
  sensitive   = true
}
