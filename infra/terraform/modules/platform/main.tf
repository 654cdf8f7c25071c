# One environment: every module, and what they say to each other.

locals {
  prefix  = "${var.name}-${var.environment}"
  subnets = [for zone in sort(keys(module.network.private_subnet_ids)) : module.network.private_subnet_ids[zone]]
  gateway = var.gateway_host == null ? null : {
    host    = var.gateway_host
    zone_id = var.installation.gateway_zone_id
  }
  # Users that an operator signs are in no file of accounts.
  login = fileexists("${var.generated}/nats/accounts.conf") ? { variable = "NATS_NKEY_SEED", field = "nkey_seed" } : { variable = "NATS_CREDS_TEXT", field = "creds" }
  rules = { for name in fileset("${var.generated}/prometheus", "{rules,alerts,slo}.yaml") : trimsuffix(name, ".yaml") => file("${var.generated}/prometheus/${name}") }
}

module "secrets" {
  source = "../secrets"

  prefix          = local.prefix
  nats_users      = var.nats_users
  service_secrets = var.service_secrets
  redis           = var.redis != null
}

module "network" {
  source = "../network"

  prefix          = local.prefix
  cidr            = var.network.cidr
  private_subnets = var.network.private_subnets
  public_subnets  = var.network.public_subnets
  internet_egress = var.installation.internet_egress
  gateway_ranges  = var.gateway_host == null ? null : var.installation.gateway_ranges
  redis           = var.redis != null
  log_retention   = var.log_retention
  kms_key_arn     = module.secrets.data_key_arn
}

module "certificates" {
  source = "../certificates"

  prefix        = local.prefix
  organization  = var.name
  lifetime_days = var.certificates.lifetime_days
}

module "nats" {
  source = "../nats"

  prefix                     = local.prefix
  nodes                      = var.nats.nodes
  instance_type              = var.nats.instance_type
  disk_gib                   = var.nats.disk_gib
  image_id                   = var.installation.nats_image_id
  server_sha256              = var.installation.nats_server_sha256
  configuration              = { for name in fileset("${var.generated}/nats", "*.conf") : name => file("${var.generated}/nats/${name}") }
  certificate_authority_arn  = module.certificates.authority_arn
  signing_algorithm          = module.certificates.signing_algorithm
  certificate_days           = var.certificates.lifetime_days
  renew_before_days          = var.certificates.renew_before_days
  host                       = "nats.${module.network.namespace.name}"
  zone_id                    = module.network.namespace.zone_id
  vpc_id                     = module.network.vpc_id
  subnet_ids                 = module.network.private_subnet_ids
  node_security_group_id     = module.network.security_group_ids["nats"]
  balancer_security_group_id = module.network.security_group_ids["nats_balancer"]
  kms_key_arn                = module.secrets.data_key_arn
}

module "redis" {
  source = "../redis"
  count  = var.redis == null ? 0 : 1

  prefix            = local.prefix
  node_type         = var.redis.node_type
  shards            = var.redis.shards
  replicas          = var.redis.replicas
  subnet_ids        = local.subnets
  security_group_id = module.network.security_group_ids["redis"]
  kms_key_arn       = module.secrets.data_key_arn
  auth_token        = var.redis_token
  log_retention     = var.log_retention
}

module "ecs" {
  source = "../ecs"

  prefix              = local.prefix
  name                = var.name
  services            = var.services
  tools               = { for task, user in { tools = "deployer", operator = "operator" } : task => user if fileexists("${var.generated}/ecs/${task}/task-definition.json") }
  definitions         = "${var.generated}/ecs"
  images              = var.installation.images
  nats_url            = module.nats.url
  nats_secret_arns    = module.secrets.nats_secret_arns
  service_secret_arns = module.secrets.service_secret_arns
  redis_secret_arn    = module.secrets.redis_secret_arn
  secrets_key_arn     = module.secrets.secrets_key_arn
  data_key_arn        = module.secrets.data_key_arn
  log_retention       = var.log_retention
  vpc_id              = module.network.vpc_id
  namespace_id        = module.network.namespace.id
  subnet_ids          = module.network.private_subnet_ids
  public_subnet_ids   = module.network.public_subnet_ids
  security_group_ids  = module.network.security_group_ids
  gateway             = local.gateway
}

module "monitoring" {
  source = "../monitoring"

  prefix          = local.prefix
  name            = var.name
  environment     = var.environment
  rules           = local.rules
  scrape_configs  = try(yamldecode(file("${var.generated}/prometheus/prometheus.yaml")).scrape_configs, [])
  alert_addresses = var.installation.alert_addresses
  images = {
    collector = var.installation.images["collector"]
    exporter  = var.installation.images["exporter"]
  }
  exporter_environment = {
    NATS_URL               = module.nats.url
    EXPORTER_NATS_MONITORS = join(",", [for name in sort(keys(var.nats.nodes)) : "http://${var.nats.nodes[name].address}:8222"])
    EXPORTER_CLOUDWATCH    = local.prefix
  }
  exporter_secret_arn = module.secrets.nats_secret_arns["monitor"]
  exporter_login      = local.login
  redis_secret_arn    = var.redis == null ? null : module.secrets.redis_secret_arn
  cluster_arn         = module.ecs.cluster_arn
  assume_role_policy  = module.ecs.assume_role_policy
  subnet_ids          = local.subnets
  security_group_id   = module.network.security_group_ids["monitor"]
  data_key_arn        = module.secrets.data_key_arn
  secrets_key_arn     = module.secrets.secrets_key_arn
  log_retention       = var.log_retention
}

module "rotation" {
  source = "../rotation"

  prefix                    = local.prefix
  name                      = var.name
  environment               = var.environment
  image                     = var.installation.images["tools"]
  certificate_authority_arn = module.certificates.authority_arn
  secret_arns               = [for user in sort(keys(module.secrets.nats_secret_arns)) : module.secrets.nats_secret_arns[user]]
  bucket                    = module.nats.bucket
  bucket_arn                = module.nats.bucket_arn
  cluster                   = { arn = module.ecs.cluster_arn, name = module.ecs.cluster }
  assume_role_policy        = module.ecs.assume_role_policy
  subnet_ids                = local.subnets
  security_group_id         = module.network.security_group_ids["tasks"]
  data_key_arn              = module.secrets.data_key_arn
  secrets_key_arn           = module.secrets.secrets_key_arn
  log_retention             = var.log_retention
}
