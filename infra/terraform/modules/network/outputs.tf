output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Subnets without public addresses, by availability zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}

output "public_subnet_ids" {
  description = "Subnets with a way to the internet, by availability zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "security_group_ids" {
  description = "Security groups, by who is in them."
  value       = { for name, group in aws_security_group.this : name => group.id }
}

output "namespace" {
  description = "The domain in which tasks find each other."
  value       = { id = aws_service_discovery_private_dns_namespace.this.id, name = aws_service_discovery_private_dns_namespace.this.name, zone_id = aws_service_discovery_private_dns_namespace.this.hosted_zone }
}
