package io.raydp

import io.raydp.collections.LaterMethods

package object exchange extends LaterMethods
