variable "name" {
  description = "What the names of images begin with."
  type        = string
}

variable "region" {
  description = "Where they are."
  type        = string
}

variable "repositories" {
  description = "The names of the images."
  type        = set(string)
}

variable "account_id" {
  description = "The account that they belong to; another is refused."
  type        = string
}
