# ---- The way in --------------------------------------------------------------------------------

variable "front" {
  description = "What answers HTTP: api_gateway (REST API with response streaming, up to 15 minutes), function_url (cheapest; no WAF, no keys of the gateway) or fargate (a load balancer and containers: hours, any size, best with many waiting)."
  type        = string
  default     = "api_gateway"

  validation {
    condition     = contains(["api_gateway", "function_url", "fargate"], var.front)
    error_message = "front must be api_gateway, function_url or fargate."
  }
}

variable "stage" {
  description = "The path that an API Gateway's URL ends with."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,128}$", var.stage))
    error_message = "stage must have letters, digits, hyphens and underscores."
  }
}

variable "anonymous" {
  description = "Whether callers without a key may submit and read. The URL is public: set false and give api_keys, or shut it another way (gateway_keys, iam_auth, allowed_cidrs, WAF), before it is known to anybody."
  type        = bool
  default     = true

  validation {
    condition     = var.anonymous || length(var.api_keys) > 0
    error_message = "With anonymous = false there must be api_keys, or nobody can submit."
  }
}

variable "api_keys" {
  description = "bide's own API keys, by name; `bide key` makes one and prints its hash. They can tell tenants apart."
  type = map(object({
    hash   = string
    scopes = optional(list(string), ["submit", "read"])
    tenant = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for key in values(var.api_keys) : startswith(key.hash, "sha256:")])
    error_message = "hash of an API key must be what `bide key` prints: sha256:..."
  }
}

variable "iam_auth" {
  description = "Whether callers of a gateway or a function URL must sign as AWS asks for (a plain curl cannot)."
  type        = bool
  default     = false

  validation {
    condition     = !var.iam_auth || var.front != "fargate"
    error_message = "iam_auth is for api_gateway and function_url."
  }
}

variable "gateway_keys" {
  description = "Names of API keys of the gateway (header x-api-key), with a usage plan. None: no key is asked for. For counting and slowing callers; to keep others out, use anonymous = false or iam_auth."
  type        = set(string)
  default     = []

  validation {
    condition     = length(var.gateway_keys) == 0 || var.front == "api_gateway"
    error_message = "gateway_keys are for front = \"api_gateway\"."
  }
}

variable "usage_plan" {
  description = "What each of gateway_keys may: requests a second, at once, and in a month (0: any number)."
  type = object({
    rate  = optional(number, 50)
    burst = optional(number, 100)
    month = optional(number, 0)
  })
  default = {}
}

variable "rate_limit" {
  description = "Requests a second, and at once, that the gateway lets through in all."
  type = object({
    rate  = optional(number, 1000)
    burst = optional(number, 2000)
  })
  default = {}
}

variable "access_logs" {
  description = "A line for each request, of the gateway or the load balancer; a function URL has none."
  type        = bool
  default     = true
}

variable "gateway_log_role" {
  description = "Whether the gateway's access logs may set the role that API Gateway writes logs with. It is one for the account and region: false where it is set already."
  type        = bool
  default     = true
}

variable "waf_acl_arn" {
  description = "ARN of a regional web ACL of yours to put before the gateway or the load balancer."
  type        = string
  default     = null

  validation {
    condition     = var.waf_acl_arn == null || var.front != "function_url"
    error_message = "A function URL cannot have a WAF."
  }
}

variable "waf_rate" {
  description = "Instead of an ACL of yours: one that blocks addresses with more requests than this in five minutes."
  type        = number
  default     = null

  validation {
    condition     = var.waf_rate == null || (var.front != "function_url" && var.waf_acl_arn == null)
    error_message = "waf_rate needs front = \"api_gateway\" or \"fargate\", and no waf_acl_arn."
  }
  validation {
    condition     = var.waf_rate == null ? true : var.waf_rate >= 10
    error_message = "waf_rate must be 10 or more."
  }
}

variable "front_memory" {
  description = "MiB of the front function; it waits and needs little. Of a Fargate front: see fargate_front."
  type        = number
  default     = 128

  validation {
    condition     = var.front_memory >= 128 && var.front_memory <= 10240
    error_message = "front_memory must be 128 to 10240 MiB."
  }
}

variable "front_reserved" {
  description = "Concurrency kept aside for the front function: as many callers can wait, and not more. -1: what the account has."
  type        = number
  default     = -1
}

variable "whitespace" {
  description = "With a gateway: whether callers who take JSON get a status of 200 and spaces from 290 s on, for waits up to 15 minutes. A failure can then only be told in the body. Without it they get 504 with the job's address at 290 s."
  type        = bool
  default     = false

  validation {
    condition     = !var.whitespace || var.front == "api_gateway"
    error_message = "whitespace is for front = \"api_gateway\"."
  }
}

variable "image" {
  description = "The image of Fargate fronts and workers (deploy/docker), in an ECR of this account and region."
  type        = string
  default     = null

  validation {
    condition     = var.image != null || (var.front != "fargate" && alltrue([for queue in values(var.queues) : queue.worker != "fargate" || queue.image != null]))
    error_message = "Fargate needs an image."
  }
}

variable "fargate_front" {
  description = "Size and number of the containers of a Fargate front."
  type = object({
    cpu     = optional(number, 256)
    memory  = optional(number, 512)
    minimum = optional(number, 2)
    maximum = optional(number, 6)
  })
  default = {}
}

variable "certificate_arn" {
  description = "Certificate (ACM) of the load balancer of a Fargate front. Without one it speaks HTTP in clear."
  type        = string
  default     = null
}

variable "allowed_cidrs" {
  description = "Who may reach the load balancer of a Fargate front."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "allowed_cidrs must be like 203.0.113.0/24."
  }
}
