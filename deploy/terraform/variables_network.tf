# ---- Network -----------------------------------------------------------------------------------

variable "vpc_cidr" {
  description = "Addresses of the VPC that is made: /16 to /23. It is cut into /26: one private subnet for each zone, and a public one where something public needs it."
  type        = string
  default     = "10.42.0.0/23"

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && try(tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 23, false)
    error_message = "vpc_cidr must be a network of /16 to /23, like 10.42.0.0/23."
  }
}

variable "zones" {
  description = "Availability zones to use, 2 or 3."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zones)
    error_message = "zones must be 2 or 3."
  }
}

variable "nat" {
  description = "Way to the Internet for workers that need it: none, single (one gateway) or zones (one in each). None of bide needs it."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "single", "zones"], var.nat)
    error_message = "nat must be none, single or zones."
  }
  validation {
    condition     = var.nat == "none" || var.vpc_id == null
    error_message = "nat is for the VPC that is made; one that is there has its own way out."
  }
}

variable "vpc_id" {
  description = "A VPC that is there, to use instead of making one. It needs DNS support and DNS host names."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null || length(var.private_subnet_ids) > 0
    error_message = "With a vpc_id there must be private_subnet_ids."
  }
}

variable "private_subnet_ids" {
  description = "With vpc_id: subnets of two or three zones for functions, containers, endpoints and cache. A /26 each is plenty."
  type        = list(string)
  default     = []
}

variable "public_subnet_ids" {
  description = "With vpc_id and a Fargate front: subnets of two or more zones for the load balancer."
  type        = list(string)
  default     = []

  validation {
    condition     = var.vpc_id == null || var.front != "fargate" || length(var.public_subnet_ids) >= 2
    error_message = "A load balancer in a VPC of yours needs two public_subnet_ids or more."
  }
}

variable "endpoints" {
  description = "Whether to make the endpoints of SQS and S3 (Fargate: ECR and logs, too). With vpc_id: false where the VPC has them."
  type        = bool
  default     = true

  validation {
    condition     = var.endpoints || var.vpc_id != null
    error_message = "The VPC that is made has no other way to SQS and S3: endpoints must be true."
  }
  validation {
    condition     = !var.endpoints || var.vpc_id == null || length(var.private_route_table_ids) > 0
    error_message = "To make endpoints in a VPC of yours, private_route_table_ids are needed: the S3 endpoint is a route in them."
  }
}

variable "private_route_table_ids" {
  description = "With vpc_id and endpoints: the route tables of private_subnet_ids."
  type        = list(string)
  default     = []
}

variable "endpoint_cidrs" {
  description = "With endpoints = false: where SQS (Fargate: ECR and logs, too) is reached on port 443. Left out: the VPC. With a NAT instead of endpoints: [\"0.0.0.0/0\"]."
  type        = list(string)
  default     = []
}

variable "worker_egress" {
  description = "Where else workers may connect to, besides SQS, S3 and cache. With a NAT for example [{cidr = \"0.0.0.0/0\", port = 443}]."
  type = list(object({
    cidr     = string
    port     = number
    to_port  = optional(number)
    protocol = optional(string, "tcp")
  }))
  default = []
}

variable "worker_security_group_ids" {
  description = "More security groups for workers, like the one your database lets in."
  type        = list(string)
  default     = []
}

# ---- Cache -------------------------------------------------------------------------------------

variable "cache" {
  description = "ElastiCache for Valkey: serverless (nothing to size, billed by use, two zones) or nodes."
  type        = string
  default     = "serverless"

  validation {
    condition     = contains(["serverless", "nodes"], var.cache)
    error_message = "cache must be serverless or nodes."
  }
}

variable "cache_limits" {
  description = "Of a serverless cache: GB stored and ECPU a second, at most. They bound its price."
  type = object({
    gigabytes = optional(number, 1)
    ecpu      = optional(number, 10000)
  })
  default = {}

  validation {
    condition     = var.cache_limits.gigabytes >= 1 && var.cache_limits.ecpu >= 1000
    error_message = "cache_limits must be 1 GB and 1000 ECPU a second, or more."
  }
}

variable "cache_nodes" {
  description = "Of a cache of nodes: their type, and how many. With two or more, another takes over when one fails."
  type = object({
    type  = optional(string, "cache.t4g.micro")
    count = optional(number, 1)
  })
  default = {}

  validation {
    condition     = var.cache_nodes.count >= 1 && var.cache_nodes.count <= 6
    error_message = "count of cache_nodes must be 1 to 6."
  }
}

variable "cache_password" {
  description = "Left out: functions log in to the cache by IAM. Else a password of 16 to 128 letters, digits and -_; it is then in the Terraform state and in the functions' configuration."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.cache_password == null || can(regex("^[A-Za-z0-9_-]{16,128}$", var.cache_password))
    error_message = "cache_password must have 16 to 128 letters, digits, hyphens and underscores."
  }
}

# ---- Alarms ------------------------------------------------------------------------------------

variable "alarm_topic_arns" {
  description = "SNS topics that are told of alarms. Without one they are only to be seen."
  type        = list(string)
  default     = []
}

variable "alarm_age" {
  description = "Seconds that the oldest message of a queue may be old."
  type        = number
  default     = 600
}

variable "alarm_rescues" {
  description = "Share of the front function's requests whose result may be found though no notice came: more says that the cache does not do its work."
  type        = number
  default     = 0.1

  validation {
    condition     = var.alarm_rescues >= 0 && var.alarm_rescues <= 1
    error_message = "alarm_rescues must be 0 to 1."
  }
}

variable "dashboard" {
  description = "Whether to make a CloudWatch dashboard (three are free)."
  type        = bool
  default     = true
}
