output "task_definition" {
  description = "What people start to rotate keys, with another command."
  value       = aws_ecs_task_definition.this.family
}
