package io.raydp

import io.raydp.collections.LaterMethods

package object lifecycle extends LaterMethods
