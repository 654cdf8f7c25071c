variable "prefix" {
  description = "What all names begin with."
  type        = string
}

variable "nats_users" {
  description = "The users of NATS, each of which has a secret."
  type        = set(string)
}

variable "service_secrets" {
  description = "Services with secrets of their own."
  type        = set(string)
}

variable "redis" {
  description = "Whether there is a Redis cluster."
  type        = bool
}
