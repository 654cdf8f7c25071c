variable "prefix" {
  description = "What all names begin with."
  type        = string
}

variable "name" {
  description = "What the names of images begin with."
  type        = string
}

variable "services" {
  description = "The users of the services, and the gateway's where there is one."
  type        = set(string)
}

variable "tools" {
  description = "Tasks that people and the delivery start, and the user of NATS that each of them is."
  type        = map(string)
}

variable "definitions" {
  description = "The folder with task-definition.json, service.json and scaling.json of each of them."
  type        = string
}

variable "images" {
  description = "The image of each of them, by digest."
  type        = map(string)

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "An image is named by its digest: registry/repository@sha256:…"
  }
}

variable "nats_url" {
  description = "What services connect to."
  type        = string
}

variable "nats_secret_arns" {
  description = "The secret with key and certificate, by user."
  type        = map(string)
}

variable "service_secret_arns" {
  description = "The secret of a service's own, by user."
  type        = map(string)
}

variable "redis_secret_arn" {
  description = "The secret with the address of Redis; empty where there is none."
  type        = string
}

variable "secrets_key_arn" {
  description = "The key of the secrets."
  type        = string
}

variable "data_key_arn" {
  description = "The key of the logs."
  type        = string
}

variable "log_retention" {
  description = "Days for which logs are kept."
  type        = number
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "namespace_id" {
  description = "The domain in which tasks find each other."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets without public addresses, by availability zone."
  type        = map(string)
}

variable "public_subnet_ids" {
  description = "Subnets of the gateway's load balancer, by availability zone."
  type        = map(string)
}

variable "security_group_ids" {
  description = "Security groups, by who is in them."
  type        = map(string)
}

variable "gateway" {
  description = "The host of the HTTP gateway and the public DNS zone that it is in; null where there is none."
  type = object({
    host    = string
    zone_id = string
  })
}
