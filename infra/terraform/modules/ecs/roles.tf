# A task has two roles. With the first, ECS starts it: that one may fetch the image and read the
# secrets of this service alone. The second is what the program itself may do on AWS: nothing, as
# services talk to NATS and Redis only.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
  repositories = "arn:${data.aws_partition.current.partition}:ecr:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:repository/${var.name}"

  text = { for user in local.all : user => file("${local.folder[user]}/task-definition.json") }
  secrets = { for user in local.all : user => concat(
    [var.nats_secret_arns[local.users[user]]],
    contains(keys(var.service_secret_arns), user) ? [var.service_secret_arns[user]] : [],
    strcontains(local.text[user], "$${redis_secret_arn}") ? [var.redis_secret_arn] : [],
  ) }
}

resource "aws_iam_role" "execution" {
  for_each = local.all

  name               = "${var.prefix}-${each.key}-execution"
  assume_role_policy = local.assume
}

resource "aws_iam_role_policy" "execution" {
  for_each = local.all

  name = "start"
  role = aws_iam_role.execution[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Login"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
      {
        Sid      = "Image"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = "${local.repositories}/${contains(keys(var.tools), each.key) ? "tools" : each.key}"
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this[each.key].arn}:*"
      },
      {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = local.secrets[each.key]
      },
      {
        Sid       = "DecryptSecrets"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = var.secrets_key_arn
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${data.aws_region.current.region}.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_iam_role" "task" {
  for_each = local.all

  name               = "${var.prefix}-${each.key}"
  assume_role_policy = local.assume
}
