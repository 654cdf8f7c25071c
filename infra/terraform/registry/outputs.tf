output "repository_urls" {
  description = "Where images are pushed to, by name."
  value       = module.registry.repository_urls
}
