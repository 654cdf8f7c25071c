variable "prefix" {
  description = "What all names begin with."
  type        = string
}

variable "name" {
  description = "What the names of images begin with."
  type        = string
}

variable "environment" {
  description = "The name of the environment."
  type        = string
}

variable "rules" {
  description = "Prometheus rules, by the name of their file."
  type        = map(string)
}

variable "scrape_configs" {
  description = "What Prometheus reads, as in its own configuration."
  type        = any
}

variable "alert_addresses" {
  description = "Mail addresses that alerts are sent to."
  type        = set(string)
}

variable "images" {
  description = "Images by digest: the collector's (AWS Distro for OpenTelemetry) and the exporter's."
  type = object({
    collector = string
    exporter  = string
  })
}

variable "exporter_environment" {
  description = "Environment variables of the exporter."
  type        = map(string)
}

variable "exporter_secret_arn" {
  description = "The secret with key and certificate of the exporter's user of NATS."
  type        = string
}

variable "exporter_login" {
  description = "The environment variable that the exporter logs in with, and the field of that secret."
  type        = object({ variable = string, field = string })
}

variable "redis_secret_arn" {
  description = "The secret with the URL of Redis; null where there is none."
  type        = string
}

variable "cluster_arn" {
  description = "The ECS cluster that the collector runs on."
  type        = string
}

variable "assume_role_policy" {
  description = "Who may take a role of a task."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets without public addresses."
  type        = list(string)
}

variable "security_group_id" {
  description = "What the collector may reach."
  type        = string
}

variable "data_key_arn" {
  description = "The key that encrypts metrics, alerts and logs."
  type        = string
}

variable "secrets_key_arn" {
  description = "The key of the secrets."
  type        = string
}

variable "log_retention" {
  description = "Days for which logs are kept."
  type        = number
}
