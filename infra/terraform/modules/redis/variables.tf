variable "prefix" {
  description = "What all names begin with."
  type        = string
}

variable "node_type" {
  description = "The type of the nodes, cache.r7g.large."
  type        = string
}

variable "shards" {
  description = "How many parts the keys are spread over."
  type        = number
}

variable "replicas" {
  description = "Copies of each shard beside its primary, each in another zone."
  type        = number
}

variable "subnet_ids" {
  description = "Where the nodes are."
  type        = list(string)
}

variable "security_group_id" {
  description = "Who may reach them."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that encrypts data and logs."
  type        = string
}

variable "auth_token" {
  description = "What clients log in with at first; it is rotated outside Terraform."
  type        = string
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9!&#$^<>-]{32,128}$", var.auth_token))
    error_message = "ElastiCache takes 16 to 128 of the characters A-Z a-z 0-9 ! & # $ ^ < > -; write at least 32."
  }
}

variable "log_retention" {
  description = "Days for which logs are kept."
  type        = number
}
