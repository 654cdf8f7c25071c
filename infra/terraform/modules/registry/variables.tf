variable "name" {
  description = "What the names of images begin with."
  type        = string
}

variable "repositories" {
  description = "The names of the images."
  type        = set(string)
}
