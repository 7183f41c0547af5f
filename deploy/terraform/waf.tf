# Before the gateway or the load balancer: a web ACL of the caller's, or one with a limit by address.

locals {
  waf       = var.waf_acl_arn != null || var.waf_rate != null
  waf_front = local.gateway ? one(aws_api_gateway_stage.front[*].arn) : one(aws_lb.front[*].arn)
}

resource "aws_wafv2_web_acl" "rate" {
  count       = var.waf_rate == null ? 0 : 1
  name        = var.name
  description = "bide: too many requests from one address"
  scope       = "REGIONAL"

  default_action {
    allow {}
  }
  rule {
    name     = "rate"
    priority = 1

    action {
      block {}
    }
    statement {
      rate_based_statement {
        limit              = var.waf_rate
        aggregate_key_type = "IP"
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-rate"
      sampled_requests_enabled   = false
    }
  }
  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "front" {
  count        = local.waf ? 1 : 0
  resource_arn = local.waf_front
  web_acl_arn  = var.waf_acl_arn != null ? var.waf_acl_arn : aws_wafv2_web_acl.rate[0].arn
}
