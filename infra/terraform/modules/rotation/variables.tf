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

variable "image" {
  description = "The image of the tools, by digest."
  type        = string
}

variable "certificate_authority_arn" {
  description = "The CA that signs the certificates."
  type        = string
}

variable "secret_arns" {
  description = "The secrets with keys and certificates of the users of NATS."
  type        = list(string)
}

variable "bucket" {
  description = "The bucket in which the servers find the public keys."
  type        = string
}

variable "bucket_arn" {
  description = "The same, as IAM names it."
  type        = string
}

variable "cluster" {
  description = "The ECS cluster whose services are restarted with new certificates."
  type = object({
    arn  = string
    name = string
  })
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
  description = "What the task may reach."
  type        = string
}

variable "data_key_arn" {
  description = "The key that encrypts logs and the bucket."
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
