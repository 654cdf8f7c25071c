output "platform" {
  description = "What people and the delivery need to know of it."
  value       = module.platform
}
