variable "prefix" {
  description = "What all names begin with."
  type        = string
}

variable "cidr" {
  description = "The address range of the network."
  type        = string
}

variable "private_subnets" {
  description = "Address ranges of the subnets without public addresses, by availability zone."
  type        = map(string)
}

variable "public_subnets" {
  description = "Address ranges of the subnets of load balancers and NAT gateways, by availability zone."
  type        = map(string)
}

variable "internet_egress" {
  description = "Whether tasks reach the internet, through a NAT gateway in each zone. AWS itself they reach without."
  type        = bool
}

variable "gateway_ranges" {
  description = "Address ranges from which the HTTP gateway may be reached; null where there is none."
  type        = set(string)
}

variable "redis" {
  description = "Whether there is a Redis cluster."
  type        = bool
}

variable "log_retention" {
  description = "Days for which logs are kept."
  type        = number
}

variable "kms_key_arn" {
  description = "The key that encrypts the logs."
  type        = string
}
