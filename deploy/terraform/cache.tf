# The cache carries notices and a few marks; the truth is in S3. It may be lost at any time.

locals {
  cache_name     = "${var.name}-cache"
  cache_iam      = nonsensitive(var.cache_password == null)
  cache_user     = "${var.name}-bide"
  cache_arn      = var.cache == "serverless" ? one(aws_elasticache_serverless_cache.cache[*].arn) : one(aws_elasticache_replication_group.cache[*].arn)
  cache_address  = var.cache == "serverless" ? one(aws_elasticache_serverless_cache.cache[*].endpoint[0].address) : one(aws_elasticache_replication_group.cache[*].primary_endpoint_address)
  cache_user_arn = local.cache_iam ? aws_elasticache_user.iam[0].arn : aws_elasticache_user.password[0].arn

  # What bide does there, and no more (docs/aws.md).
  cache_access = "on ~bide:* resetchannels &bide:* -@all +client|setname +ping +subscribe +unsubscribe +publish +get +set +mget +exists"
}

# Who logs in by IAM has one name as user and as id.
resource "aws_elasticache_user" "iam" {
  count         = local.cache_iam ? 1 : 0
  user_id       = local.cache_user
  user_name     = local.cache_user
  engine        = "valkey"
  access_string = local.cache_access

  authentication_mode {
    type = "iam"
  }
}

resource "aws_elasticache_user" "password" {
  count         = local.cache_iam ? 0 : 1
  user_id       = local.cache_user
  user_name     = local.cache_user
  engine        = "valkey"
  access_string = local.cache_access

  authentication_mode {
    type      = "password"
    passwords = [var.cache_password]
  }
}

# The default user is not in it: nobody else can log in.
resource "aws_elasticache_user_group" "cache" {
  user_group_id = local.cache_name
  engine        = "valkey"
  user_ids      = [local.cache_iam ? aws_elasticache_user.iam[0].user_id : aws_elasticache_user.password[0].user_id]
}

# It speaks TLS only, and encrypts what it keeps.
resource "aws_elasticache_serverless_cache" "cache" {
  count                = var.cache == "serverless" ? 1 : 0
  name                 = local.cache_name
  description          = "bide: notices of results"
  engine               = "valkey"
  major_engine_version = "8"
  user_group_id        = aws_elasticache_user_group.cache.user_group_id
  subnet_ids           = local.private_subnets
  security_group_ids   = [aws_security_group.cache.id]

  cache_usage_limits {
    data_storage {
      maximum = var.cache_limits.gigabytes
      unit    = "GB"
    }
    ecpu_per_second {
      maximum = var.cache_limits.ecpu
    }
  }
}

resource "aws_elasticache_subnet_group" "cache" {
  count      = var.cache == "nodes" ? 1 : 0
  name       = local.cache_name
  subnet_ids = local.private_subnets
}

resource "aws_elasticache_replication_group" "cache" {
  count                      = var.cache == "nodes" ? 1 : 0
  replication_group_id       = local.cache_name
  description                = "bide: notices of results"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.cache_nodes.type
  num_cache_clusters         = var.cache_nodes.count
  automatic_failover_enabled = var.cache_nodes.count > 1
  multi_az_enabled           = var.cache_nodes.count > 1
  user_group_ids             = [aws_elasticache_user_group.cache.user_group_id]
  subnet_group_name          = aws_elasticache_subnet_group.cache[0].name
  security_group_ids         = [aws_security_group.cache.id]
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  apply_immediately          = true
}
