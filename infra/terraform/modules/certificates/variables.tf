variable "prefix" {
  description = "What all names begin with."
  type        = string
}

variable "organization" {
  description = "Whose certificates they are."
  type        = string
}

variable "lifetime_days" {
  description = "Days for which the certificates of nodes and services are valid."
  type        = number
}
