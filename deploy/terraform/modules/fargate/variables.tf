variable "name" {
  description = "Of the service, its task, its roles and its log."
  type        = string
}

variable "partition" {
  description = "Of ARNs: aws, mostly."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "account_id" {
  description = "AWS account."
  type        = string
}

variable "cluster" {
  description = "Name of the ECS cluster."
  type        = string
}

variable "image" {
  description = "Image of bide (deploy/docker) in an ECR of this account and region; its entry point is bide."
  type        = string
}

variable "architecture" {
  description = "arm64 or x86_64."
  type        = string
}

variable "command" {
  description = "Arguments of bide: [\"front\"] or [\"worker\"]."
  type        = list(string)
}

variable "environment" {
  description = "Environment variables; BIDE_TOML is the configuration."
  type        = map(string)
}

variable "cpu" {
  description = "CPU units; 1024 are one processor."
  type        = number
}

variable "memory" {
  description = "MiB."
  type        = number
}

variable "tasks" {
  description = "How many containers, at least and at most."
  type        = object({ minimum = number, maximum = number })

  validation {
    condition     = var.tasks.minimum >= 0 && var.tasks.maximum >= var.tasks.minimum
    error_message = "tasks: minimum must be 0 or more, maximum not less."
  }
}

variable "cpu_target" {
  description = "Scale by CPU: containers are added above this percentage, and taken away below."
  type        = number
  default     = null
}

variable "queue_name" {
  description = "Scale by this SQS queue instead: containers are added while more than queue_target messages wait in it."
  type        = string
  default     = null
}

variable "queue_target" {
  description = "Messages that may wait."
  type        = number
  default     = 10
}

variable "task_role_arn" {
  description = "What bide may do in AWS."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, with endpoints of S3, SQS, ECR and logs, or a NAT."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Of the containers."
  type        = list(string)
}

variable "port" {
  description = "Port that is served, if any."
  type        = number
  default     = null
}

variable "target_group_arn" {
  description = "With port: the target group of the load balancer."
  type        = string
  default     = null
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
}
