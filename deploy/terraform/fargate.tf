# front = "fargate": a load balancer and containers of `bide front`. And workers of queues that say so.

locals {
  balancer      = var.front == "fargate"
  balancer_port = var.certificate_arn == null ? 80 : 443
  image         = var.image == null ? "" : var.image
}

resource "aws_ecs_cluster" "bide" {
  count = local.fargate ? 1 : 0
  name  = var.name
}

module "front" {
  count  = local.balancer ? 1 : 0
  source = "./modules/fargate"

  name               = "${var.name}-front"
  cluster            = aws_ecs_cluster.bide[0].name
  image              = local.image
  architecture       = var.architecture
  command            = ["front"]
  environment        = { BIDE_TOML = local.front_toml }
  cpu                = var.fargate_front.cpu
  memory             = var.fargate_front.memory
  tasks              = { minimum = var.fargate_front.minimum, maximum = var.fargate_front.maximum }
  cpu_target         = 60
  task_role_arn      = aws_iam_role.front.arn
  subnet_ids         = local.private_subnets
  security_group_ids = [aws_security_group.front.id]
  port               = 8080
  target_group_arn   = aws_lb_listener.front[0].default_action[0].target_group_arn # ECS wants its listener, too
  log_days           = var.log_days
  partition          = data.aws_partition.here.partition
  region             = var.region
  account_id         = data.aws_caller_identity.here.account_id
}

module "worker" {
  for_each = local.on_fargate
  source   = "./modules/fargate"

  name               = "${var.name}-worker-${each.key}"
  cluster            = aws_ecs_cluster.bide[0].name
  image              = coalesce(each.value.image, local.image)
  architecture       = var.architecture
  command            = ["worker"]
  environment        = merge(each.value.environment, { BIDE_TOML = local.worker_toml[each.key] })
  cpu                = each.value.cpu
  memory             = each.value.memory
  tasks              = each.value.tasks
  queue_name         = aws_sqs_queue.queue[each.key].name
  task_role_arn      = aws_iam_role.worker[each.key].arn
  subnet_ids         = local.private_subnets
  security_group_ids = concat([aws_security_group.worker.id], var.worker_security_group_ids)
  log_days           = var.log_days
  partition          = data.aws_partition.here.partition
  region             = var.region
  account_id         = data.aws_caller_identity.here.account_id
}

# ---- the load balancer -----------------------------------------------------------------------------

resource "aws_security_group" "balancer" {
  count       = local.balancer ? 1 : 0
  name        = "${var.name}-balancer"
  description = "bide: the load balancer, the public entry"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "public" {
  for_each          = local.balancer ? toset(var.allowed_cidrs) : toset([])
  security_group_id = aws_security_group.balancer[0].id
  description       = "the public entry"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = local.balancer_port
  to_port           = local.balancer_port
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  count                        = local.balancer ? 1 : 0
  security_group_id            = aws_security_group.balancer[0].id
  description                  = "fronts"
  referenced_security_group_id = aws_security_group.front.id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

resource "aws_vpc_security_group_ingress_rule" "front" {
  count                        = local.balancer ? 1 : 0
  security_group_id            = aws_security_group.front.id
  description                  = "load balancer"
  referenced_security_group_id = aws_security_group.balancer[0].id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

resource "aws_lb" "front" {
  count                      = local.balancer ? 1 : 0
  name                       = "${var.name}-front"
  load_balancer_type         = "application"
  subnets                    = local.public_subnets
  security_groups            = [aws_security_group.balancer[0].id]
  idle_timeout               = 4000 # seconds, the most there is: callers wait in silence
  drop_invalid_header_fields = true

  dynamic "access_logs" {
    for_each = aws_s3_bucket.access
    content {
      bucket  = access_logs.value.id
      enabled = true
    }
  }

  depends_on = [aws_s3_bucket_policy.access, aws_internet_gateway.own]
}

resource "aws_lb_target_group" "front" {
  count                = local.balancer ? 1 : 0
  name                 = "${var.name}-front"
  vpc_id               = local.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 8080
  deregistration_delay = 60

  # Not /readyz: a front whose cache or store fails still answers, and says so.
  health_check {
    path                = "/healthz"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

# With a certificate in TLS only: a redirect would make GETs of POSTs.
resource "aws_lb_listener" "front" {
  count             = local.balancer ? 1 : 0
  load_balancer_arn = aws_lb.front[0].arn
  protocol          = var.certificate_arn == null ? "HTTP" : "HTTPS"
  port              = local.balancer_port
  certificate_arn   = var.certificate_arn
  ssl_policy        = var.certificate_arn == null ? null : "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.front[0].arn
  }
}

# ---- its access logs -------------------------------------------------------------------------------

resource "aws_s3_bucket" "access" {
  count         = local.balancer && var.access_logs ? 1 : 0
  bucket_prefix = "${var.name}-access-"
  force_destroy = true # only logs
}

resource "aws_s3_bucket_public_access_block" "access" {
  count                   = length(aws_s3_bucket.access)
  bucket                  = aws_s3_bucket.access[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "access" {
  count  = length(aws_s3_bucket.access)
  bucket = aws_s3_bucket.access[0].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "access" {
  count  = length(aws_s3_bucket.access)
  bucket = aws_s3_bucket.access[0].id

  rule {
    id     = "access"
    status = "Enabled"

    filter {}
    expiration {
      days = var.log_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

data "aws_iam_policy_document" "access" {
  count = length(aws_s3_bucket.access)

  statement {
    sid       = "LoadBalancer"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.access[0].arn}/AWSLogs/${data.aws_caller_identity.here.account_id}/*"]

    principals {
      type        = "Service"
      identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }
  }
  statement {
    sid       = "OnlyTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.access[0].arn, "${aws_s3_bucket.access[0].arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "access" {
  count  = length(aws_s3_bucket.access)
  bucket = aws_s3_bucket.access[0].id
  policy = data.aws_iam_policy_document.access[0].json

  depends_on = [aws_s3_bucket_public_access_block.access]
}
