# The VPC, unless there is one already, its endpoints, and who may talk to whom.
#
# Subnets are /26: 59 usable addresses. Functions do not take one for each run: Lambda keeps a
# network interface for each pair of subnet and set of security groups and shares it between all of
# them, so that here a subnet holds a handful of interfaces for functions, one for each interface
# endpoint, one or two of the cache, and one for each container of Fargate.

data "aws_availability_zones" "here" {
  count = local.own_vpc ? 1 : 0
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

data "aws_vpc" "given" {
  count = local.own_vpc ? 0 : 1
  id    = var.vpc_id
}

locals {
  own_vpc  = var.vpc_id == null
  fargate  = var.front == "fargate" || anytrue([for queue in values(var.queues) : queue.worker == "fargate"])
  public   = local.own_vpc && (var.nat != "none" || var.front == "fargate")
  zones    = local.own_vpc ? { for index, zone in slice(data.aws_availability_zones.here[0].names, 0, var.zones) : zone => index } : {}
  newbits  = 26 - tonumber(split("/", var.vpc_cidr)[1])
  nat_from = var.nat == "zones" ? local.zones : { for zone, index in local.zones : zone => index if var.nat == "single" && index == 0 }

  vpc_id          = local.own_vpc ? aws_vpc.own[0].id : var.vpc_id
  vpc_cidr        = local.own_vpc ? var.vpc_cidr : data.aws_vpc.given[0].cidr_block
  private_subnets = local.own_vpc ? [for zone in keys(local.zones) : aws_subnet.private[zone].id] : var.private_subnet_ids
  public_subnets  = local.own_vpc ? [for subnet in values(aws_subnet.public) : subnet.id] : var.public_subnet_ids
  private_tables  = local.own_vpc ? [for zone in keys(local.zones) : aws_route_table.private[zone].id] : var.private_route_table_ids
}

# ---- A VPC of our own --------------------------------------------------------------------------

resource "aws_vpc" "own" {
  count                = local.own_vpc ? 1 : 0
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true # the endpoint's private name needs it

  tags = { Name = var.name }
}

# The group that everything without one would get lets nothing through.
resource "aws_default_security_group" "nothing" {
  count  = local.own_vpc ? 1 : 0
  vpc_id = aws_vpc.own[0].id

  tags = { Name = "${var.name}-nothing" }
}

resource "aws_subnet" "private" {
  for_each          = local.zones
  vpc_id            = aws_vpc.own[0].id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.vpc_cidr, local.newbits, each.value)

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "private" {
  for_each = local.zones
  vpc_id   = aws_vpc.own[0].id

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table_association" "private" {
  for_each       = local.zones
  subnet_id      = aws_subnet.private[each.key].id
  route_table_id = aws_route_table.private[each.key].id
}

# Public subnets hold load balancers and NAT gateways only; they are in the second half of /23.
resource "aws_subnet" "public" {
  for_each          = local.public ? local.zones : {}
  vpc_id            = aws_vpc.own[0].id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.vpc_cidr, local.newbits, 4 + each.value)

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_internet_gateway" "own" {
  count  = local.public ? 1 : 0
  vpc_id = aws_vpc.own[0].id

  tags = { Name = var.name }
}

resource "aws_route_table" "public" {
  count  = local.public ? 1 : 0
  vpc_id = aws_vpc.own[0].id

  tags = { Name = "${var.name}-public" }
}

resource "aws_route" "public" {
  count                  = local.public ? 1 : 0
  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.own[0].id
}

resource "aws_route_table_association" "public" {
  for_each       = local.public ? local.zones : {}
  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  for_each = local.nat_from
  domain   = "vpc"

  tags = { Name = "${var.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "own" {
  for_each      = local.nat_from
  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id

  tags       = { Name = "${var.name}-${each.key}" }
  depends_on = [aws_internet_gateway.own]
}

resource "aws_route" "nat" {
  for_each               = var.nat == "none" ? {} : local.zones
  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = var.nat == "zones" ? aws_nat_gateway.own[each.key].id : one(values(aws_nat_gateway.own)).id
}

# ---- Endpoints: SQS and S3 without the Internet ------------------------------------------------

locals {
  # Containers fetch their image and write their logs from inside the VPC; functions do not.
  interface_endpoints = var.endpoints ? toset(local.fargate ? ["sqs", "ecr.api", "ecr.dkr", "logs"] : ["sqs"]) : toset([])
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = local.interface_endpoints
  vpc_id              = local.vpc_id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  subnet_ids          = local.private_subnets
  security_group_ids  = [aws_security_group.endpoints[0].id]
  private_dns_enabled = true

  tags = { Name = "${var.name}-${each.key}" }
}

# Of the other kind: a route, and free.
resource "aws_vpc_endpoint" "s3" {
  count             = var.endpoints ? 1 : 0
  vpc_id            = local.vpc_id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${var.region}.s3"
  route_table_ids   = local.private_tables

  tags = { Name = "${var.name}-s3" }
}

data "aws_ec2_managed_prefix_list" "s3" {
  name = "com.amazonaws.${var.region}.s3"
}

# ---- Who may talk to whom ----------------------------------------------------------------------
# Names need no rule: security groups do not stand before the VPC's own resolver.

resource "aws_security_group" "front" {
  name        = "${var.name}-front"
  description = "bide: fronts"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-front" }
}

resource "aws_security_group" "worker" {
  name        = "${var.name}-worker"
  description = "bide: workers and the dead-letter function"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-worker" }
}

resource "aws_security_group" "cache" {
  name        = "${var.name}-cache"
  description = "bide: cache"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-cache" }
}

resource "aws_security_group" "endpoints" {
  count       = var.endpoints ? 1 : 0
  name        = "${var.name}-endpoints"
  description = "bide: endpoints of SQS and, for containers, ECR and logs"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}-endpoints" }
}

locals {
  bide_groups = { front = aws_security_group.front.id, worker = aws_security_group.worker.id }

  # Without endpoints of ours: each pair of group and network behind which SQS is.
  endpoint_cidrs = var.endpoints ? [] : length(var.endpoint_cidrs) > 0 ? var.endpoint_cidrs : [local.vpc_cidr]
  outside = merge([
    for group in ["front", "worker"] : { for index, cidr in local.endpoint_cidrs : "${group}-${index}" => { group = group, cidr = cidr } }
  ]...)
}

resource "aws_vpc_security_group_egress_rule" "cache" {
  for_each                     = local.bide_groups
  security_group_id            = each.value
  description                  = "cache"
  referenced_security_group_id = aws_security_group.cache.id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

resource "aws_vpc_security_group_ingress_rule" "cache" {
  for_each                     = local.bide_groups
  security_group_id            = aws_security_group.cache.id
  description                  = each.key
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each          = local.bide_groups
  security_group_id = each.value
  description       = "S3"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.s3.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  for_each                     = var.endpoints ? local.bide_groups : {}
  security_group_id            = each.value
  description                  = "endpoints"
  referenced_security_group_id = aws_security_group.endpoints[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each                     = var.endpoints ? local.bide_groups : {}
  security_group_id            = aws_security_group.endpoints[0].id
  description                  = each.key
  referenced_security_group_id = each.value
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "outside" {
  for_each          = local.outside
  security_group_id = local.bide_groups[each.value.group]
  description       = "SQS"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "worker" {
  for_each          = { for rule in var.worker_egress : "${rule.cidr} ${rule.protocol} ${rule.port}" => rule }
  security_group_id = aws_security_group.worker.id
  description       = "worker_egress"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = coalesce(each.value.to_port, each.value.port)
}
