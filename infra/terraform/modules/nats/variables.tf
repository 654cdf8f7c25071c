variable "prefix" {
  description = "What all names begin with."
  type        = string
}

variable "nodes" {
  description = "The servers, by name: the zone and the address that each has for ever."
  type = map(object({
    zone    = string
    address = string
  }))

  validation {
    condition = alltrue([
      for zone in distinct(values(var.nodes)[*].zone) :
      length([for node in values(var.nodes) : node if node.zone == zone]) <= ceil(length(var.nodes) / length(distinct(values(var.nodes)[*].zone)))
    ])
    error_message = "Nodes are spread over the zones evenly, 2-2-1 for five in three: else the loss of a zone takes the majority."
  }
}

variable "instance_type" {
  description = "The type of the machines."
  type        = string
}

variable "image_id" {
  description = "The image of the machines: Debian 12, amd64."
  type        = string
}

variable "server_sha256" {
  description = "The SHA-256 of the nats-server program, which lies in the configuration bucket as nats-server-<SHA-256>."
  type        = string
}

variable "disk_gib" {
  description = "GiB of the data volume of a node."
  type        = number
}

variable "configuration" {
  description = "Files of the configuration, nats.conf and accounts.conf, by name."
  type        = map(string)
}

variable "certificate_authority_arn" {
  description = "The CA that signs the nodes' certificates."
  type        = string
}

variable "signing_algorithm" {
  description = "How that CA signs."
  type        = string
}

variable "certificate_days" {
  description = "Days for which a certificate is valid."
  type        = number
}

variable "renew_before_days" {
  description = "Days before its end at which a certificate is renewed."
  type        = number
}

variable "host" {
  description = "The name that clients connect to."
  type        = string
}

variable "zone_id" {
  description = "The private DNS zone of that name."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets without public addresses, by availability zone."
  type        = map(string)
}

variable "node_security_group_id" {
  description = "Who may reach the nodes."
  type        = string
}

variable "balancer_security_group_id" {
  description = "Who may reach their load balancer."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that encrypts disks and configuration."
  type        = string
}
