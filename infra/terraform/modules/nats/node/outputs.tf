output "user_data" {
  description = "What cloud-init does, as text."
  value       = local.user_data
}

output "user_data_base64" {
  description = "The same as a launch template takes it, compressed."
  value       = base64gzip(local.user_data)

  precondition {
    condition     = length(base64gzip(local.user_data)) * 3 / 4 <= 16384
    error_message = "EC2 takes at most 16 KiB of user data."
  }
}
